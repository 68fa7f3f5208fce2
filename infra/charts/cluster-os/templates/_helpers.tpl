{{/* Those that the chart runs, alike in all but their rights. Other templates get one as a dict of its name and the root. */}}
{{- define "cluster-os.operators" -}}
clusternode-operator slurm-operator
{{- end }}

{{- define "cluster-os.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: cluster-os
{{- end }}

{{- define "cluster-os.labels" -}}
{{ include "cluster-os.selector" . }}
app.kubernetes.io/managed-by: cluster-os
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{- define "cluster-os.image" -}}
{{ .Values.operators.image.repository }}:{{ .Values.operators.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What every container here may do: nothing but run. */}}
{{- define "cluster-os.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "cluster-os.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}
