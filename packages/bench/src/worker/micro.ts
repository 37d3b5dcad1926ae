import * as harness from "../harness.js"
import * as quiet from "../quiet.js"
import * as policies from "../suites/policies.js"
import { report } from "./report.js"

await policies.selfCheck()
const noise = quiet.makeNoise()
const [count, names] = process.argv.slice(2)
const cases = harness.selected(policies.cases, names)
const rounds = await harness.rounds(cases, Number(count), noise)
report({ rounds, bases: harness.basesOf(cases), noise })
