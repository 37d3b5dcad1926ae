import * as harness from "../harness.js"
import * as quiet from "../quiet.js"
import { load } from "../suites/load.js"
import { report } from "./report.js"

const [suite, count, names] = process.argv.slice(2)
const cases = harness.selected((await load(suite)).cases, names)
const noise = quiet.makeNoise()
const rounds = await harness.rounds(cases, Number(count), noise)
report({ rounds, bases: harness.basesOf(cases), noise })
