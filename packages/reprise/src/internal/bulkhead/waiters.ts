// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export type Order = "fifo" | "lifo"

/** A waiting call, and its neighbours of the same priority. */
export abstract class Waiter {
  lane: Lane | undefined
  older: Waiter | undefined
  newer: Waiter | undefined

  constructor(readonly priority: number) {}
}

/** The calls of one priority, in the order of their arrival. */
interface Lane {
  readonly priority: number
  oldest: Waiter | undefined
  newest: Waiter | undefined
}

/** A queue with priorities. The cost of each operation depends only on the number of different priorities in it. */
export class Waiters<W extends Waiter> {
  size = 0
  /** The highest priority first. None is empty. */
  private readonly lanes: Array<Lane> = []

  constructor(readonly order: Order) {}

  /** The next to be served. */
  get first(): W | undefined {
    const lane = this.lanes[0]
    // A lane holds only values from `add`.
    return (this.order === "fifo" ? lane?.oldest : lane?.newest) as W | undefined
  }

  /** The last to be served, which is the first to be rejected. */
  get last(): W | undefined {
    const lane = this.lanes[this.lanes.length - 1]
    // As in `first`.
    return (this.order === "fifo" ? lane?.newest : lane?.oldest) as W | undefined
  }

  /** Whether a new call with this priority would be served before the last. */
  precedesLast(priority: number): boolean {
    const lowest = this.lanes[this.lanes.length - 1]?.priority ?? Infinity
    return priority > lowest || (priority === lowest && this.order === "lifo")
  }

  add(waiter: W): void {
    const lane = this.laneOf(waiter.priority)
    waiter.lane = lane
    waiter.older = lane.newest
    if (lane.newest === undefined) lane.oldest = waiter
    else lane.newest.newer = waiter
    lane.newest = waiter
    this.size++
  }

  /** Only a waiting call. */
  remove(waiter: W): void {
    const { newer, older } = waiter
    const lane = waiter.lane!
    if (older === undefined) lane.oldest = newer
    else older.newer = newer
    if (newer === undefined) lane.newest = older
    else newer.older = older
    waiter.lane = waiter.older = waiter.newer = undefined
    if (lane.oldest === undefined) this.lanes.splice(this.lanes.indexOf(lane), 1)
    this.size--
  }

  private laneOf(priority: number): Lane {
    const at = this.lanes.findIndex((lane) => lane.priority <= priority)
    const found = this.lanes[at]
    if (found?.priority === priority) return found
    const lane: Lane = { priority, oldest: undefined, newest: undefined }
    this.lanes.splice(at < 0 ? this.lanes.length : at, 0, lane)
    return lane
  }
}
