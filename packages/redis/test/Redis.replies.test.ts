import { assert, it } from "@effect/vitest"
import { Either } from "effect"
import * as cluster from "../src/internal/cluster.js"
import * as failure from "../src/internal/failure.js"
import * as settings from "../src/internal/settings.js"

const { target } = Either.getOrThrow(settings.decode({ url: "redis://h:7000" }))

it.each([
  ["OOM command not allowed when used memory > 'maxmemory'.", "OOM"],
  ["NOPERM No permissions to access a key", "NOPERM"],
  // Redis 5 and 6, where a script gives on what a command failed with, and where it is stopped by it.
  ["@user_script: 12: -OOM command not allowed when used memory > 'maxmemory'.", "OOM"],
  ["ERR Error running script (call to f_5bf0): @user_script:6: WRONGTYPE Operation against a key", "WRONGTYPE"],
  ["ERR Error running script (call to f_5bf0): @user_script:6: @user_script: 6: -READONLY You can't", "READONLY"],
  ["ERR Error running script (call to f_5bf0): @user_script:6: user_script:6: attempt to index a nil value", "ERR"],
  ["s3cret", "ERR"]
])("The error %s has the code %s", (text, code) => {
  const error = failure.ofReply(target, text)
  assert.deepStrictEqual([error.reason, error.code], ["reply", code])
  assert.notMatch(error.message, /s3cret|maxmemory'|f_5bf0/)
})

it("A slot that no node has is about one node, and a cluster that is down about all", () => {
  assert.strictEqual(failure.ofReply(target, "CLUSTERDOWN Hash slot not served").reason, "node")
  assert.strictEqual(failure.ofReply(target, "CLUSTERDOWN The cluster is down").reason, "reply")
})

it.each([
  ["MOVED 3999 127.0.0.1:6381", { kind: "MOVED", slot: 3_999, address: "127.0.0.1:6381" }],
  ["ASK 0 ::1:6381", { kind: "ASK", slot: 0, address: "[::1]:6381" }],
  // The node does not know its own name.
  ["MOVED 16383 :6381", { kind: "MOVED", slot: 16_383, address: "h:6381" }],
  ["MOVED 16384 127.0.0.1:6381", undefined],
  ["MOVED 1e9 127.0.0.1:6381", undefined],
  ["MOVED", undefined]
])("The redirection %s is understood as what it is", (text, expected) => {
  const found = cluster.redirection(text, target)
  assert.deepStrictEqual(found && { ...found }, expected)
})

it("The slots of a cluster are taken only where all of them are slots", () => {
  const slots = cluster.slotsOf([[0, 1, ["a", 1, "id"], ["replica", 2, "id"]], [2, 16_383, ["", 3, "id"]]], target)
  assert.deepStrictEqual([slots?.[0], slots?.[1], slots?.[2], slots?.length], ["a:1", "a:1", "h:3", 16_384])
  const wrong = ["", 1, null, [1], [[0, 16_384, ["a", 1]]], [[-1, 1, ["a", 1]]], [[0, 1]], [[0, 1, ["a", "x"]]], [[
    0,
    1e9,
    []
  ]]]
  for (const reply of wrong) assert.isUndefined(cluster.slotsOf(reply, target), JSON.stringify(reply))
})
