/** Tells how far the work is: one line that changes in a terminal, a line per phase elsewhere. */
import type { Phase } from "./calls.js"

export interface Output {
  readonly isTTY?: boolean
  readonly write: (text: string) => unknown
}

/** For one contender. */
export const make = (name: string, total: number, output: Output) => {
  const seen = new Set<Phase>()
  let drawn = 0
  return (done: number, phase: Phase): void => {
    const line = `${name.padEnd(15)} ${String(done).padStart(5)} of ${total}  ${phase}`
    if (output.isTTY !== true) {
      if (!seen.has(phase)) output.write(`${line}\n`)
    } else if (done === total || done - drawn >= 20) {
      drawn = done
      output.write(`\r\x1b[2K${line}${done === total ? "\n" : ""}`)
    }
    seen.add(phase)
  }
}
