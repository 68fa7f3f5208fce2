/** chrony on this machine, as it is. */
export interface TimeObserved {
  /** Its files; undefined if they are not there. */
  readonly config: string | undefined;
  readonly sources: string | undefined;
  readonly isRunning: boolean;
}

/** chrony on this machine, as it is to be. */
export interface TimeWish {
  readonly config: string;
  readonly sources: string;
}

export type TimeAction =
  | { readonly kind: "write-config"; readonly text: string }
  | { readonly kind: "write-sources"; readonly text: string }
  /** Starts it, or starts it anew: it reads its configuration only then. */
  | { readonly kind: "restart" }
  /** It goes on, with the sources that are on disk now. */
  | { readonly kind: "reload-sources" };

/** What to do, in this order; nothing when all is as it should be. Undefined wish: there is nothing to follow yet. */
export function planTime(observed: TimeObserved, wish: TimeWish | undefined): readonly TimeAction[] {
  if (!wish) return [];
  const isConfigNew = observed.config !== wish.config;
  const areSourcesNew = observed.sources !== wish.sources;
  return [
    ...(areSourcesNew ? [{ kind: "write-sources", text: wish.sources } as const] : []),
    ...(isConfigNew ? [{ kind: "write-config", text: wish.config } as const] : []),
    ...(isConfigNew || !observed.isRunning ? [{ kind: "restart" } as const] : []),
    ...(!isConfigNew && observed.isRunning && areSourcesNew ? [{ kind: "reload-sources" } as const] : []),
  ];
}
