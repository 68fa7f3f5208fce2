/** A record that is well signed but says what cannot be. Nothing in it is secret. */
export class AdmissionError extends Error {
  override readonly name = "AdmissionError";
}
