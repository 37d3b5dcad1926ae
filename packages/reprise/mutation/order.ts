import { BaseSequencer, type TestSpecification } from "vitest/node"

const isPure = ({ moduleId }: TestSpecification) => moduleId.includes("/test/internal/")

/** The tests of pure machines first: most changes fail one of them, in a millisecond. */
export class PureFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const sorted = await super.sort(files)
    return [...sorted.filter(isPure), ...sorted.filter((file) => !isPure(file))]
  }
}
