import { Effect } from "effect"
import { StoreError } from "reprise/StoreError"

/** What lies between a process and a store. */
export class Wire {
  state: "good" | "cut" | "silent" | "garbage" | "refused" = "good"
  /** The store does what it is asked, and the answer is lost. */
  losesAnswers = false
  /** Announcements do not come through. */
  isDeaf = false
  /** What was asked for. */
  readonly asked: Array<string> = []

  protected ask<A>(name: string, question: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> {
    return Effect.suspend(() => {
      this.asked.push(name)
      const answer = this.answer(question)
      return this.losesAnswers ? Effect.zipRight(answer, Effect.never) : answer
    })
  }

  protected get isHeard(): boolean {
    return this.state === "good" && !this.isDeaf
  }

  private answer<A>(question: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> {
    switch (this.state) {
      case "good":
        return question
      case "silent":
        return Effect.never
      case "cut":
        return Effect.fail(new StoreError({ reason: "unavailable", description: "the cable is cut" }))
      case "refused":
        return Effect.fail(new StoreError({ reason: "refused", description: "no room" }))
      case "garbage":
        return Effect.fail(new StoreError({ reason: "unreadable", description: "a list" }))
    }
  }
}
