// Not marked internal: the declarations of Policy refer to it.
export const TypeId: unique symbol = Symbol.for("reprise/Policy")
