// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** A call in flight, in the order of the starts. */
export interface Entry {
  readonly startMillis: number
  readonly number: number
  previous: Entry | undefined
  next: Entry | undefined
}

/** The number of in-flight calls older than `limitMillis`. */
interface Mark {
  readonly limitMillis: number
  count: number
  /** The first call that is younger. */
  next: Entry | undefined
}

/**
 * The calls in flight, and the number of slow ones. It passes each call once, so the cost of a query does not depend on
 * the number of calls.
 */
export class InFlight {
  private last: Entry | undefined
  private number = 0
  private marks: ReadonlyArray<Mark>

  constructor(limits: ReadonlyArray<number>) {
    this.marks = marksFrom(undefined, limits)
  }

  /** Applies other limits to the current calls. */
  watch(limits: ReadonlyArray<number>): this {
    let first = this.last
    while (first?.previous !== undefined) first = first.previous
    this.marks = marksFrom(first, limits)
    return this
  }

  add(startMillis: number): Entry {
    const entry: Entry = { startMillis, number: this.number++, previous: this.last, next: undefined }
    if (this.last !== undefined) this.last.next = entry
    this.last = entry
    for (const mark of this.marks) mark.next ??= entry
    return entry
  }

  remove(entry: Entry): void {
    for (const mark of this.marks) {
      if (mark.next === undefined || entry.number < mark.next.number) mark.count--
      else if (mark.next === entry) mark.next = entry.next
    }
    if (entry.previous !== undefined) entry.previous.next = entry.next
    if (entry.next === undefined) this.last = entry.previous
    else entry.next.previous = entry.previous
  }

  overdue(limitMillis: number, nowMillis: number): number {
    const mark = this.marks.find((mark) => mark.limitMillis === limitMillis)
    if (mark === undefined) return 0
    while (mark.next !== undefined && nowMillis - mark.next.startMillis >= limitMillis) {
      mark.count++
      mark.next = mark.next.next
    }
    return mark.count
  }
}

const marksFrom = (first: Entry | undefined, limits: ReadonlyArray<number>): ReadonlyArray<Mark> =>
  limits.map((limitMillis) => ({ limitMillis, count: 0, next: first }))
