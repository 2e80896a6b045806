/**
 * The debugger of one thread, on itself: its handlers run inside the pause, synchronously, and when they return the
 * code goes on. Only what the pause shows is read here; places are turned into the user's lines after the replay.
 */
import { Session, type Debugger, type Runtime } from "node:inspector";
import { fileURLToPath } from "node:url";
import { isUsersScript, siteAt } from "../../engine/index.ts";
import { Declarations } from "./declared.ts";
import type { LogPoint, Opened, Opening, Watched } from "./protocol.ts";
import type { SeenPart, SeenScope } from "./seen.ts";
import { seen, seenAt } from "./walker.ts";

/** A frame with its place as the debugger has it: lines and columns from 0, of the script as it runs. */
export interface RawFrame {
  readonly url: string; readonly line: number; readonly column: number; readonly fn: string;
  readonly scopes: readonly SeenScope[];
  /** It runs the workflow's own function. */
  readonly main: boolean;
}
/** A script of the user's. */
interface Script { readonly url: string; declarations?: Declarations; lines?: readonly number[] }

const KINDS = ["block", "local", "catch", "closure", "module"] as const;
const HAND = "reprise/debug";
/** An expression that has not ended by then is given up. */
const WATCH_MS = 500;

/** Attached to this thread; see the head of this file. */
export class Pauses {
  /** Called at each pause with its frames, the innermost first. */
  onPause: (pause: Debugger.PausedEventDataType) => void = () => undefined;
  readonly #session = new Session();
  readonly #scripts = new Map<string, Script>();
  #handed: unknown;
  #global = "";
  #main: { readonly scriptId: string; readonly line: number; readonly column: number } | undefined;

  /** @param root the URL of this package's built files */
  constructor(root: string) {
    this.#session.connect();
    this.#session.on("Debugger.scriptParsed", ({ params }) => {
      const { scriptId, url } = params;
      if (url.startsWith("file:") && isUsersScript(url)) this.#scripts.set(scriptId, { url });
    });
    this.#session.on("Debugger.paused", ({ params }) => { this.onPause(params) });
    this.post("Debugger.enable");
    // Stepping is to lead from the engine into the user's code and nowhere else. The one file that holds the
    // `debugger` statement must stay visible: what is hidden cannot stop.
    const moment = escaped(`${root}engine/replay/moment.js`);
    this.post("Debugger.setBlackboxPatterns",
      { patterns: [`^(?!${moment}$)(node:|.*/node_modules/|${escaped(root)})`] });
    Reflect.set(globalThis, Symbol.for(HAND), (value: unknown) => { this.#handed = value });
    const { result } = this.post<Runtime.EvaluateReturnType>("Runtime.evaluate", { expression: "globalThis" });
    this.#global = result.objectId ?? "";
  }

  /** One call to the debugger; its answer is there at once. */
  post<T>(method: string, params: object = {}): T {
    let answer: unknown, failed: Error | null = null;
    this.#session.post(method, params, (error, result) => { failed = error; answer = result });
    if (failed !== null) throw Object.assign(new Error(`${method} failed`), { cause: failed });
    return answer as T; // as the protocol specifies for this method; T is taken from node's own types of it
  }

  /** Frames of this function are the workflow's own. */
  markMain(fn: unknown): void {
    Reflect.set(globalThis, Symbol.for(`${HAND}/main`), fn);
    const { result } = this.post<Runtime.EvaluateReturnType>("Runtime.evaluate",
      { expression: `globalThis[Symbol.for("${HAND}/main")]` });
    if (result.objectId === undefined) return;
    const { internalProperties = [] } = this.post<Runtime.GetPropertiesReturnType>("Runtime.getProperties",
      { objectId: result.objectId, ownProperties: true });
    const place: unknown = internalProperties.find(({ name }) => name === "[[FunctionLocation]]")?.value?.value;
    if (!isPlace(place)) return;
    this.#main = { scriptId: place.scriptId, line: place.lineNumber, column: place.columnNumber ?? 0 };
  }

  /** The files of the user's that are loaded. */
  get files(): readonly string[] {
    return [...new Set([...this.#scripts.values()].map(({ url }) => fileURLToPath(url.replace(/\?.*$/, ""))))];
  }

  /** The user's frames among those of a pause. */
  usersFrames(pause: Debugger.PausedEventDataType): readonly Debugger.CallFrame[] {
    return pause.callFrames.filter(({ location }) => this.#scripts.has(location.scriptId));
  }

  /** Copies a frame's names and values. */
  read(frame: Debugger.CallFrame): RawFrame {
    const taken = new Set<string>(), scopes: SeenScope[] = [];
    for (const { kind, value } of this.#scopesOf(frame)) {
      const variables = this.#variables(frame, kind, value).filter(([name]) => !taken.has(name));
      for (const [name] of variables) taken.add(name);
      if (variables.length > 0) scopes.push({ kind, variables });
    }
    return { ...this.place(frame), scopes, main: this.#isMain(frame) };
  }
  #isMain({ functionLocation: at }: Debugger.CallFrame): boolean {
    return this.#main !== undefined && at?.scriptId === this.#main.scriptId && at.lineNumber === this.#main.line
      && (at.columnNumber ?? 0) === this.#main.column;
  }

  /** Where a frame stands. */
  place({ location, functionName }: Debugger.CallFrame): Pick<RawFrame, "url" | "line" | "column" | "fn"> {
    return { url: this.#scripts.get(location.scriptId)?.url ?? "", line: location.lineNumber,
      column: location.columnNumber ?? 0, fn: functionName };
  }

  /** A value further down. */
  open(frame: Debugger.CallFrame, { name, path, from }: Opening): Opened | undefined {
    for (const { kind, value } of this.#scopesOf(frame)) {
      if (!this.#names(frame, kind, value).includes(name)) continue;
      const found = this.#valueOf(value, name), opened = found && seenAt(found.value, path, from);
      return opened && { names: [name, ...opened.names], value: opened.value };
    }
    return undefined;
  }

  /** What an expression gives in a frame. Whatever would change something is refused by the engine of the language. */
  watch(frame: Debugger.CallFrame, expression: string): Watched {
    let answer: Debugger.EvaluateOnCallFrameReturnType;
    try {
      answer = this.post("Debugger.evaluateOnCallFrame", { callFrameId: frame.callFrameId, expression,
        throwOnSideEffect: true, timeout: WATCH_MS, silent: true });
    } catch { return { expression, refused: "it could not be evaluated" } }
    const { result, exceptionDetails } = answer;
    if (exceptionDetails === undefined) {
      return { expression, value: seen(this.#take(result)) };
    }
    const [line = "it failed"] = (exceptionDetails.exception?.description ?? exceptionDetails.text).split("\n");
    return { expression, refused: /side-effect/.test(line)
      ? "it would change something, or call what may: a watch only reads" : line };
  }

  /** Stops at the first place of a line. @returns the id of the breakpoint, or lines near by that can be stopped at */
  breakAt({ file, line }: Pick<LogPoint, "file" | "line">): { readonly id: string; readonly site: string }
    | { readonly near: readonly number[] } {
    const near = new Set<number>();
    for (const [scriptId, { url }] of this.#scripts) {
      const { locations } = this.post<Debugger.GetPossibleBreakpointsReturnType>("Debugger.getPossibleBreakpoints",
        { start: { scriptId, lineNumber: 0, columnNumber: 0 } });
      for (const location of locations) {
        const site = siteAt(url, location.lineNumber + 1, (location.columnNumber ?? 0) + 1, null);
        const [, path = "", row = ""] = /^(.*):(\d+):\d+$/.exec(site ?? "") ?? [];
        if (path !== file && !path.endsWith(`/${file}`)) continue;
        if (Number(row) !== line) { near.add(Number(row)); continue }
        const { breakpointId } = this.post<Debugger.SetBreakpointReturnType>("Debugger.setBreakpoint", { location });
        return { id: breakpointId, site: site ?? "" };
      }
    }
    return { near: [...near].sort((a, b) => Math.abs(a - line) - Math.abs(b - line)).slice(0, 2) };
  }

  #scopesOf(frame: Debugger.CallFrame): readonly { readonly kind: SeenScope["kind"]; readonly value: object }[] {
    const found: { kind: SeenScope["kind"]; value: object }[] = [];
    for (const { type, object } of frame.scopeChain) {
      const kind = KINDS.find((one) => one === type), value = kind && this.#take(object);
      if (kind !== undefined && typeof value === "object" && value !== null) found.push({ kind, value });
    }
    // The workflow's own function is called by the engine, on an object of the engine's.
    const self = this.#isMain(frame) ? undefined : this.#take(frame.this);
    if (typeof self === "object" && self !== null && self !== globalThis) {
      found.push({ kind: "this", value: { this: self } });
    }
    return found;
  }

  #variables(frame: Debugger.CallFrame, kind: SeenScope["kind"], scope: object): readonly SeenPart[] {
    return this.#names(frame, kind, scope).flatMap((name): readonly SeenPart[] => {
      const found = this.#valueOf(scope, name), value = found && seen(found.value);
      return value === undefined || (kind === "module" && value.kind === "function") ? [] : [[name, value]];
    });
  }

  /** The names of a scope that have a value by now. A closure's names are told by V8 itself. */
  #names(frame: Debugger.CallFrame, kind: SeenScope["kind"], scope: object): readonly string[] {
    const names = Object.keys(scope).filter((name) => /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name));
    if (kind !== "block" && kind !== "local" && kind !== "module") return names;
    const { declarations, offset } = this.#placeOf(frame.location);
    if (kind === "module") return names.filter((name) => declarations.module.has(name));
    return names.filter((name) => !declarations.isAhead(name, offset));
  }

  /** A name that is imported and not there yet throws when it is read. */
  #valueOf(scope: object, name: string): { readonly value: unknown } | undefined {
    try { return { value: Reflect.get(scope, name) } } catch { return undefined }
  }

  #placeOf({ scriptId, lineNumber, columnNumber = 0 }: Debugger.Location): { readonly declarations: Declarations;
    readonly offset: number } {
    const script = this.#scripts.get(scriptId) ?? { url: "" };
    if (script.declarations === undefined || script.lines === undefined) {
      const { scriptSource } = this.post<Debugger.GetScriptSourceReturnType>("Debugger.getScriptSource", { scriptId });
      script.declarations = new Declarations(scriptSource);
      let at = 0;
      script.lines = scriptSource.split("\n").map((line) => { const start = at; at += line.length + 1; return start });
    }
    return { declarations: script.declarations, offset: (script.lines[lineNumber] ?? 0) + columnNumber };
  }

  /** The very value behind the debugger's description of it. */
  #take(object: Runtime.RemoteObject): unknown {
    const { objectId, value, unserializableValue } = object as Runtime.RemoteObject; // any becomes unknown
    const given = objectId !== undefined ? { objectId } : unserializableValue !== undefined ? { unserializableValue }
      : { value: value as unknown }; // any becomes unknown
    this.post("Runtime.callFunctionOn", { objectId: this.#global, arguments: [given], silent: true,
      functionDeclaration: `function(value){globalThis[Symbol.for("${HAND}")](value)}` });
    const handed = this.#handed;
    this.#handed = undefined;
    return handed;
  }
}

function isPlace(value: unknown): value is Debugger.Location {
  return typeof value === "object" && value !== null && "scriptId" in value && "lineNumber" in value;
}
function escaped(text: string): string { return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&") }
