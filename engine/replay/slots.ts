/** Built-in modules and the global object as named slots that can be replaced. */

export type Slots = { [name: string]: unknown };

/** Puts `value` in the place of a built-in; a slot that node has sealed stays as it is. */
export function replaceSlot(target: object, name: string, value: unknown): void {
  const slot = Object.getOwnPropertyDescriptor(target, name);
  if (slot?.writable === true || slot === undefined) Reflect.set(target, name, value);
  else if (slot.configurable === true) {
    Object.defineProperty(target, name, { configurable: true, enumerable: slot.enumerable ?? true, get: () => value });
  }
}
