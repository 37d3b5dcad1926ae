import type { Case } from "../harness.js"

/** Cases that are measured side by side, in a process of their own. */
export interface Suite {
  readonly cases: ReadonlyArray<Case>
  /** A benchmark of something that does not do its work would measure nothing. */
  readonly selfCheck?: () => Promise<void>
}

const suites = {
  policies: () => import("./policies.js"),
  memory: () => import("./memory.js"),
  breakers: () => import("./breakers.js"),
  windows: () => import("./windows.js"),
  overload: () => import("./overload.js"),
  pipeline: () => import("./pipeline.js")
} satisfies Record<string, () => Promise<Suite>>

export type Name = keyof typeof suites

/** Loads this suite alone: what the others make would be in its heap and in its types. */
export const load = async (name: string | undefined): Promise<Suite> => {
  const suite: Suite = await suites[name as Name]()
  await suite.selfCheck?.()
  return suite
}
