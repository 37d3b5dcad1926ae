import * as fc from "effect/FastCheck"

// A property that fails has killed the mutant: nobody looks at a smaller example.
fc.configureGlobal({ endOnFailure: true })
