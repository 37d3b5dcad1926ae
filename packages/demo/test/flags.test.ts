import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as flags from "../src/flags.js"

const parsed = (...args: ReadonlyArray<string>) => Either.getOrThrow(flags.parse(args))

describe("the command line", () => {
  it("means the demo when it is empty", () => {
    assert.deepStrictEqual(parsed(), { _tag: "Demo", seed: "reprise" })
    assert.deepStrictEqual(parsed("--", "--seed", "7"), { _tag: "Demo", seed: "7" })
  })

  it("means the demo with its live page with --dashboard", () => {
    assert.deepStrictEqual(parsed("--dashboard"), { _tag: "Dashboard", seed: "reprise" })
    assert.deepStrictEqual(parsed("--dashboard", "--seed", "7"), { _tag: "Dashboard", seed: "7" })
  })

  it("means the payment run that is killed with --durable", () => {
    assert.deepStrictEqual(parsed("--durable", "--seed", "7"), { _tag: "Durable", seed: "7" })
  })

  it("means one request with --url", () => {
    assert.deepStrictEqual(parsed("--url", "http://localhost:1/x", "--method", "put", "--attempts=3"), {
      _tag: "Probe",
      url: "http://localhost:1/x",
      method: "PUT",
      attempts: 3
    })
  })

  it.each([
    [["--attempts", "3"], "--attempts goes with --url"],
    [["--url", "ftp://host/"], "--url must be"],
    [["--url", "nonsense"], "--url must be"],
    [["--url", "http://h/", "--method", "BREW"], "--method must be one of"],
    [["--url", "http://h/", "--attempts", "0"], "--attempts must be"],
    [["--url", "http://h/", "--attempts", "1e1"], "--attempts must be"],
    [["--url", "http://h/", "--seed", "1"], "--seed does not go with"],
    [["--url", "http://h/", "--dashboard"], "--dashboard does not go with"],
    [["--url", "http://h/", "--durable"], "--durable does not go with"],
    [["--dashboard", "--durable"], "--dashboard does not go with"],
    [["--sed", "1"], "--sed"],
    [["stray"], "stray"]
  ])("refuses %j and says why", (args, why) => {
    const message = Either.match(flags.parse(args), { onLeft: ({ message }) => message, onRight: () => "" })
    assert.include(message, why)
  })
})
