// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** A task with a due time, which can be cancelled. */
export class Timer {
  constructor(readonly atMillis: number, readonly order: number, public task: (() => void) | undefined) {}
}

const isBefore = (a: Timer, b: Timer): boolean =>
  a.atMillis < b.atMillis || (a.atMillis === b.atMillis && a.order < b.order)

/**
 * Virtual time and its due tasks: a binary heap, first in first out at the same time. A cancelled timer stays in the
 * heap until its time, without its task.
 */
export class Agenda {
  nowMillis = 0
  /** Timers that are neither cancelled nor done. */
  pending = 0
  private readonly heap: Array<Timer> = []
  private orders = 0

  after(millis: number, task: () => void): Timer {
    const timer = new Timer(this.nowMillis + Math.max(millis, 0), this.orders++, task)
    this.pending++
    this.heap.push(timer)
    this.rise(this.heap.length - 1, timer)
    return timer
  }

  cancel(timer: Timer): void {
    if (timer.task === undefined) return
    timer.task = undefined
    this.pending--
  }

  /** Moves time to the next due task and runs it. Returns `false` if nothing is due up to `untilMillis`. */
  advance(untilMillis = Infinity): boolean {
    while (this.heap.length > 0 && this.heap[0]!.atMillis <= untilMillis) {
      const timer = this.take()
      const { task } = timer
      if (task === undefined) continue
      this.cancel(timer)
      this.nowMillis = timer.atMillis
      task()
      return true
    }
    return false
  }

  private take(): Timer {
    const first = this.heap[0]!
    const last = this.heap.pop()!
    if (this.heap.length > 0) this.sink(last)
    return first
  }

  private rise(at: number, timer: Timer): void {
    const { heap } = this
    let index = at
    while (index > 0) {
      const above = (index - 1) >> 1
      if (!isBefore(timer, heap[above]!)) break
      heap[index] = heap[above]!
      index = above
    }
    heap[index] = timer
  }

  private sink(timer: Timer): void {
    const { heap } = this
    let index = 0
    for (let below = 1; below < heap.length; below = 2 * index + 1) {
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
      if (!isBefore(heap[below]!, timer)) break
      heap[index] = heap[below]!
      index = below
    }
    heap[index] = timer
  }
}
