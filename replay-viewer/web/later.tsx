/** Parts of the page that are loaded when they are first shown. */
import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A component that loads itself; nothing is drawn until it is here. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>): (props: P) => JSX.Element | null {
  let loaded: ComponentType<P> | undefined;
  return function Later(props: P) {
    const [Part, set] = useState<ComponentType<P> | undefined>(() => loaded);
    useEffect(() => {
      if (Part === undefined) void load().then((part) => { loaded = part; set(() => part) });
    }, []);
    return Part === undefined ? null : <Part {...props} />;
  };
}
