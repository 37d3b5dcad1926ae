import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type * as Types from "effect/Types"
import * as failureMessage from "./failureMessage.js"

// Not marked internal: the declarations of HttpFailure refer to both.
export const TypeId: unique symbol = Symbol.for("@reprise/http/HttpFailure")

type Failure<Tag> = new<A extends object>(
  facts: Types.Simplify<A>
) => Cause.YieldableError & Record<typeof TypeId, typeof TypeId> & { readonly _tag: Tag } & Readonly<A>

/**
 * The base class of every `HttpFailure`. It hides the response when it is printed: the response prints its request with
 * the whole URL.
 */
export const FailureBase = <Tag extends string>(tag: Tag) => {
  class Base extends Data.TaggedError(tag as string)<{ readonly response?: unknown }> {
    constructor(facts: { readonly response?: unknown }) {
      super(facts)
      if (facts.response !== undefined) {
        Object.defineProperty(this, "response", { value: facts.response, enumerable: false })
      }
    }

    override get message(): string {
      // Every failure has the facts for its message.
      return failureMessage.of(tag, this as unknown as Parameters<typeof failureMessage.of>[1])
    }

    override toJSON(): unknown {
      return { ...this, _tag: tag, message: this.message }
    }
  }
  // Not a field: the fields of a failure are its facts.
  Object.assign(Base.prototype, { [TypeId]: TypeId })
  // The same constructor, for its own tag and all facts of the failure.
  return Base as unknown as Failure<Tag>
}

/**
 * The same failure with other facts.
 *
 * @internal
 */
export const copy = <F extends { readonly cause?: unknown }>(failure: F, facts: object): F =>
  // The class of a failure is one of ours, and every one of them is made of its facts.
  new (failure.constructor as new(facts: object) => F)({
    ...failure,
    // Neither is enumerable.
    ...("response" in failure && { response: failure.response }),
    ...(failure.cause !== undefined && { cause: failure.cause }),
    ...facts
  })
