// SPDX-License-Identifier: Apache-2.0

/** The other side did not do what a script expected. The message shows what it did instead. */
export class ScriptError extends Error {
  override readonly name = "ScriptError" as const;
}

/** Thrown by `step` when a fault planned for that step ended the connection. {@link ScriptedPeer.play} takes it for a normal end. */
export class StepInterrupted extends Error {
  override readonly name = "StepInterrupted" as const;
  readonly step: string;

  constructor(step: string) {
    super(`the connection was ended on purpose at step ${JSON.stringify(step)}`);
    this.step = step;
  }
}
