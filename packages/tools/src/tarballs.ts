/**
 * `pnpm tarballs`: packs the packages into `build/tarballs`, and with `--effect4` those of the Effect 4 edition into
 * `build/tarballs-effect4`, to install them before their first release.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { packAll } from "./pack.js"
import { isEffect4, repository } from "./workspace.js"

const directory = Path.join(repository, "build", isEffect4 ? "tarballs-effect4" : "tarballs")

// An older version would be installed as well.
Fs.rmSync(directory, { recursive: true, force: true })
for (const { tarball } of packAll(directory)) console.log(Path.relative(repository, tarball))
