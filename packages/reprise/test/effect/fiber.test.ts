import { describe } from "@effect/vitest"
import { behaves, cases } from "./behaves.js"

describe("a timeout, a deadline and a hedge", () => behaves(cases))
