/**
 * A shallow copy with the same prototype and some fields replaced.
 *
 * Platform's own `setBody` is not used to change a request's body: it would overwrite a content type that the caller
 * set afterwards.
 *
 * @internal
 */
export const cloneWith = <A extends object>(self: A, fields: Partial<A>): A =>
  // `Object.create` returns `any`.
  Object.assign(Object.create(Object.getPrototypeOf(self)), self, fields)
