export * as FaultServer from "./FaultServer.js"
export * as Reply from "./Reply.js"
