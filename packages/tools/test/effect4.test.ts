import { assert, describe, it } from "@effect/vitest"
import { codemod, codemodDocument } from "../src/effect4/codemod.js"
import { manifest, versionOf } from "../src/effect4/manifest.js"
import { rules, rulesOfGuides } from "../src/effect4/rules.js"

const convert = (text: string) => codemod("example.ts", text, rules)

/** The text of a module that converts without a problem. */
const converted = (text: string): string => {
  const { problems, text: result } = convert(text)
  assert.deepStrictEqual(problems, [])
  return result
}

describe("codemod to Effect 4", () => {
  it("gives a member its new name, and keeps what Effect 4 has too", () => {
    assert.strictEqual(
      converted(`import * as Effect from "effect/Effect"\n\nEffect.catchAll(Effect.fail(1), Effect.succeed)\n`),
      `import * as Effect from "effect/Effect"\n\nEffect.catch(Effect.fail(1), Effect.succeed)\n`
    )
  })

  it("complains of a member that neither exists in Effect 4 nor has a rule, with its line", () => {
    const { problems } = convert(`import * as Effect from "effect/Effect"\n\nEffect.unknownMember(1)\n`)
    assert.deepStrictEqual(problems, [
      "example.ts:3: Effect.unknownMember is not in Effect 4 (as Effect.unknownMember), and has no rule"
    ])
  })

  it("complains of a module that Effect 4 does not have", () => {
    const { problems } = convert(`import * as List from "effect/List"\n\nexport const a = List.empty\n`)
    assert.include(problems, "example.ts: no effect/List in Effect 4")
  })

  it("imports a module of the platform from its new place, in the style of the module", () => {
    assert.strictEqual(
      converted(
        `import { HttpClient } from "@effect/platform"\nimport { Effect } from "effect"\n\nEffect.scoped(HttpClient.get("/"))\n`
      ),
      `import { Effect } from "effect"\nimport { HttpClient } from "effect/http"\n\nEffect.scoped(HttpClient.get("/"))\n`
    )
    assert.strictEqual(
      converted(`import * as HttpClient from "@effect/platform/HttpClient"\n\nHttpClient.get("/")\n`),
      `import * as HttpClient from "effect/http/HttpClient"\n\nHttpClient.get("/")\n`
    )
  })

  it("adds the import of a module that only a rule uses, and drops one that nothing uses any more", () => {
    assert.strictEqual(
      converted(`import * as ConfigError from "effect/ConfigError"\n\nexport type Error = ConfigError.ConfigError\n`),
      `import type * as Config from "effect/Config"\n\nexport type Error = Config.ConfigError\n`
    )
  })

  it("imports a module only for its types if nothing uses it as a value, and else as a value", () => {
    assert.strictEqual(
      converted(`import type * as Effect from "effect/Effect"\n\nexport type A = Effect.Effect<1>\n`),
      `import type * as Effect from "effect/Effect"\n\nexport type A = Effect.Effect<1>\n`
    )
  })

  it("rewrites a call whose parts have rules of their own", () => {
    assert.strictEqual(
      converted(
        `import * as Effect from "effect/Effect"\n\nEffect.repeatN(Effect.catchAll(Effect.fail(1), Effect.succeed), 3)\n`
      ),
      `import * as Effect from "effect/Effect"\n\nEffect.repeat(Effect.catch(Effect.fail(1), Effect.succeed), { times: 3 })\n`
    )
  })

  it("turns the class of a tag into that of a service", () => {
    assert.strictEqual(
      converted(`import { Context } from "effect"\n\nclass A extends Context.Tag("A")<A, number>() {}\n`),
      `import { Context } from "effect"\n\nclass A extends Context.Service<A, number>()("A") {}\n`
    )
  })

  it("adds the error to the type of a schedule with a context, and leaves one without", () => {
    assert.strictEqual(
      converted(
        `import type { Schedule } from "effect"\n\nexport type A<R> = [Schedule.Schedule<1, 2, R>, Schedule.Schedule<1>]\n`
      ),
      `import type { Schedule } from "effect"\n\nexport type A<R> = [Schedule.Schedule<1, 2, never, R>, Schedule.Schedule<1>]\n`
    )
  })

  it("gives a property its new name where it is read, written, destructured or short", () => {
    assert.strictEqual(
      converted(
        `const a = { unsafePoll: 1 }\nconst { unsafePoll } = a\nexport const b = [a.unsafePoll, { unsafePoll }]\n`
      ),
      `const a = { pollUnsafe: 1 }\nconst { pollUnsafe: unsafePoll } = a\nexport const b = [a.pollUnsafe, { pollUnsafe: unsafePoll }]\n`
    )
  })

  it("leaves members of values and names of others alone", () => {
    const text = `import { Effect } from "./mine.js"\n\nEffect.catchAll(1)\n`
    assert.strictEqual(converted(text), text)
  })

  it("converts examples in comments, and names of members in their text", () => {
    const comment = (member: string) =>
      `/**\n * Like \`Effect.${member}\`.\n *\n * \`\`\`ts\n * import { Effect } from "effect"\n *\n * Effect.${member}(a)\n * \`\`\`\n */\nexport const a = 1\n`
    assert.strictEqual(converted(comment("catchAllCause")), comment("catchCause"))
  })

  it("converts examples in documents, but not those to ignore", () => {
    const text = (member: string, mode: string) =>
      `# Title\n\n\`\`\`ts${mode}\nimport { Effect } from "effect"\n\nEffect.${member}(a)\n\`\`\`\n`
    const document = (text: string) => codemodDocument("guide.md", text, rules).text
    assert.strictEqual(document(text("catchAll", "")), text("catch", ""))
    assert.strictEqual(document(text("catchAll", " ignore")), text("catchAll", " ignore"))
  })

  const guide = (text: string) => {
    const result = codemodDocument("guide.md", text, rulesOfGuides)
    assert.deepStrictEqual(result.problems, [])
    return result.text
  }

  it("converts code within the sentences and tables of a document", () => {
    assert.strictEqual(
      guide("Use `task.pipe(Effect.catchAll(f))` or `Effect.timeoutFail`.\n"),
      "Use `task.pipe(Effect.catch(f))` or `Effect.timeoutOrElse`.\n"
    )
    assert.strictEqual(
      guide("| `Effect.zipRight(a \\| b, c)` | `@effect/rpc` |\n"),
      "| `Effect.andThen(a \\| b, c)` | `effect/rpc` |\n"
    )
  })

  it("complains of a member in a sentence that Effect 4 does not have", () => {
    assert.lengthOf(codemodDocument("guide.md", "See `Effect.unknownMember`.\n", rulesOfGuides).problems, 1)
  })

  it("converts code in a string, and leaves other strings alone", () => {
    assert.strictEqual(converted(`export const a = "Effect.catchAll(f)"\n`), `export const a = "Effect.catch(f)"\n`)
    assert.strictEqual(converted(`export const a = "RequestError"\n`), `export const a = "RequestError"\n`)
  })

  it("shows the example for Effect 4 in place of the one before it", () => {
    const fence = (mode: string, code: string) => `\`\`\`ts${mode}\n${code}\n\`\`\`\n`
    const text = `${fence("", "one()")}\nThen:\n\n${fence(" no-run", "two()")}\nWith Effect 4:\n\n`
    assert.strictEqual(
      guide(`${text}${fence(" effect4 no-run", "three()")}`),
      `${fence("", "one()")}\nThen:\n\n${fence(" no-run", "three()")}`
    )
  })

  it("turns an Effect.Service into a service with a layer, without other members that it inherited", () => {
    assert.strictEqual(
      converted(
        `import { Effect } from "effect"\n\nclass A extends Effect.Service<A>()("A", { dependencies: [B], effect: make }) {}\n\nrun(A.Default, A.make({}))\n`
      ),
      `import { Context, Layer } from "effect"\n\nclass A extends Context.Service<A>()("A", {\n  make: make\n}) {\n  static readonly layer = Layer.effect(this, this.make).pipe(Layer.provide([B]))\n}\n\nrun(A.layer, A.of({}))\n`
    )
  })

  it("writes a manifest with the peers of Effect 4 and the next major version", () => {
    const result: unknown = JSON.parse(manifest(JSON.stringify({
      name: "@reprise/http",
      version: "3.2.1",
      peerDependencies: { effect: "^3.22.0", "@effect/platform": "^0.97.0", reprise: "workspace:^", redis: "^6.0.0" },
      devDependencies: { effect: "^3.22.4" }
    })))
    assert.deepStrictEqual(result, {
      name: "@reprise/http",
      version: "4.2.1",
      peerDependencies: { effect: "^4.1.0", reprise: "^4.2.1", redis: "^6.0.0" }
    })
    assert.strictEqual(versionOf("3.10.0-beta.1"), "4.10.0-beta.1")
  })

  it("names the release of this edition in a comment", () => {
    assert.strictEqual(
      converted("/**\n * Waits.\n *\n * @since 3.2.0\n */\n"),
      "/**\n * Waits.\n *\n * @since 4.2.0\n */\n"
    )
  })

  it("keeps the dependencies of a package that is published", () => {
    const text = JSON.stringify({ name: "@reprise/testing", version: "3.0.0", dependencies: { selfsigned: "^5.5.0" } })
    assert.propertyVal(JSON.parse(manifest(text)).dependencies, "selfsigned", "^5.5.0")
    assert.notProperty(JSON.parse(manifest(text.replace("{", `{"private":true,`))), "dependencies")
  })
})
