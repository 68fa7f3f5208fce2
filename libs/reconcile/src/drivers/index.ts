/** The part of reconcile that has timers: cores do not import it. */
export * from "./controller.ts";
