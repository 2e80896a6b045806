/**
 * Which names of a paused function have no value yet? V8 shows a block's variable before its declaration has run, and
 * in a loop what it held in the round before. The source tells: until its declarator ends, such a name is not there.
 */
import { parse } from "acorn";

/** A block in which names are known. `fn`: where the function begins that it belongs to; -1 outside any. */
interface Region { readonly start: number; readonly end: number; readonly fn: number; readonly module?: true }
/** `from`: where the name has its value. */
interface Declaration extends Region { readonly name: string; readonly from: number }

/** A node of the syntax tree; the fields depend on its type. */
interface Node { readonly type: string; readonly start: number; readonly end: number;
  readonly [field: string]: unknown }

/** Where the names of one script are declared. */
export class Declarations {
  /** Names that the module itself declares with let, const or class: what it imports is not among them. */
  readonly module = new Set<string>();
  readonly #byName = new Map<string, Declaration[]>();
  readonly #functions: { readonly start: number; readonly end: number }[] = [];

  /** @param text of the script as it runs, after all transforms */
  constructor(text: string) {
    let program: unknown;
    try { program = parse(text, { ecmaVersion: "latest", sourceType: "module", allowHashBang: true }) } catch {
      return; // syntax that the parser does not know yet: no name is hidden
    }
    if (isNode(program)) this.#walk(program, { start: program.start, end: program.end, fn: -1, module: true });
  }

  /** Is `name`, as code at this offset would read it in its own function, declared but not yet there? */
  isAhead(name: string, offset: number): boolean {
    const fits = (this.#byName.get(name) ?? []).filter(({ start, end }) => start <= offset && offset < end);
    const inner = fits.reduce<Declaration | undefined>((best, one) =>
      best === undefined || one.start >= best.start ? one : best, undefined);
    return inner !== undefined && offset < inner.from && inner.fn === this.#functionAt(offset);
  }

  #functionAt(offset: number): number {
    return this.#functions.reduce((best, { start, end }) => start <= offset && offset < end && start > best ? start
      : best, -1);
  }

  #walk(node: Node, region: Region): void {
    let inner = region;
    if (/^(Function(Declaration|Expression)|ArrowFunctionExpression)$/.test(node.type)) {
      this.#functions.push({ start: node.start, end: node.end });
      inner = { start: node.start, end: node.end, fn: node.start };
    } else if (/^(BlockStatement|StaticBlock|SwitchStatement|For(In|Of)?Statement)$/.test(node.type)) {
      inner = { start: node.start, end: node.end, fn: region.fn };
    }
    if (node.type === "VariableDeclaration" && node["kind"] !== "var") this.#declare(node, inner);
    if (node.type === "ClassDeclaration") this.#add(node["id"], node.end, region);
    const loop = node.type === "ForOfStatement" || node.type === "ForInStatement";
    for (const [field, value] of Object.entries(node)) {
      // The variable of `for (const x of xs)` has its value when `xs` has been evaluated.
      if (loop && field === "left" && isNode(value) && isNode(node["right"])) {
        if (value.type === "VariableDeclaration" && value["kind"] !== "var") {
          for (const one of listOf(value["declarations"])) this.#add(one["id"], node["right"].end, inner);
        }
      } else for (const one of listOf(value)) this.#walk(one, inner);
    }
  }

  #declare(node: Node, region: Region): void {
    for (const one of listOf(node["declarations"])) this.#add(one["id"], one.end, region);
  }

  /** Every name of a pattern. */
  #add(pattern: unknown, from: number, region: Region): void {
    if (!isNode(pattern)) return;
    if (pattern.type === "Identifier") {
      const name = String(pattern["name"]), known = this.#byName.get(name), one = { name, from, ...region };
      if (known === undefined) this.#byName.set(name, [one]); else known.push(one);
      if (region.module === true) this.module.add(name);
      return;
    }
    const inner = pattern.type === "AssignmentPattern" ? [pattern["left"]]
      : pattern.type === "RestElement" ? [pattern["argument"]]
      : pattern.type === "ObjectPattern" ? listOf(pattern["properties"]).map((one) => one["value"] ?? one)
      : listOf(pattern["elements"]);
    for (const one of inner) this.#add(one, from, region);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
function listOf(value: unknown): readonly Node[] { return (Array.isArray(value) ? value : [value]).filter(isNode) }
