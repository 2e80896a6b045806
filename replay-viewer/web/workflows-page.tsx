/** Workflows that the server's process has loaded, and a form that starts a run of one of them. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { Json } from "../../engine/core/events.ts";
import { answerOf, fieldsOf, refusalsOf, textsOf, type Field, type Problems } from "../model/form.ts";
import type { Problem } from "../model/wire.ts";
import { asProblem, historyAfter, payloadOf, startRun, workflowsHere, type Startable,
  type StartRequest } from "./api.ts";
import { FieldPart } from "./form-fields.tsx";
import { Icon } from "./icons.tsx";
import { Empty, say, Trouble } from "./notices.tsx";
import { address, param, visit } from "./place.ts";
import { Top } from "./top.tsx";

type Found = Awaited<ReturnType<typeof workflowsHere>>;

/** The page. `start` in the address is the workflow that is chosen, `from` a run whose input stands in the form. */
export function WorkflowsPage(): JSX.Element {
  const found = useSignal<Found | undefined>(undefined), problem = useSignal<Problem | undefined>(undefined);
  useEffect(() => {
    document.title = "Workflows · Reprise";
    // Whoever comes back from his editor sees what has been loaded since.
    const look = (): void => {
      workflowsHere().then((here) => { found.value = here; problem.value = undefined },
        (error: unknown) => { problem.value = asProblem(error) });
    };
    look();
    addEventListener("focus", look);
    return () => { removeEventListener("focus", look) };
  }, []);
  return <main class="page workflows"><Top title="Workflows" />
    {problem.value !== undefined ? <Trouble problem={problem.value} />
      : found.value === undefined ? <p class="loading">Loading the workflows…</p> : <Body found={found.value} />}
  </main>;
}

function Body({ found: { canStart, workflows, elsewhere } }: { found: Found }): JSX.Element {
  const wanted = param("start"), chosen = workflows.find(({ name }) => name === wanted)
    ?? (wanted === "" && workflows.length === 1 ? workflows[0] : undefined);
  const away = elsewhere.find(({ name }) => name === wanted);
  if (workflows.length + elsewhere.length === 0) return <div class="fill"><NoneHere /></div>;
  return <div class="master">
    <nav class="master-list" aria-label="Workflows">
      {workflows.length > 0 && <section>{workflows.map(({ name, description }) => <Choice key={name} name={name}
        says={description} chosen={name === chosen?.name} />)}</section>}
      {elsewhere.length > 0 && <section><h2>Not loaded here</h2>{elsewhere.map(({ name, file }) => <Choice key={name}
        name={name} says={file} chosen={name === wanted} />)}</section>}</nav>
    <section class="master-one" aria-label="Start a run">
      {chosen !== undefined
        ? <StartForm key={`${chosen.name} ${param("from")}`} workflow={chosen} canStart={canStart} />
        : away !== undefined ? <Away name={away.name} file={away.file} />
        : wanted !== "" ? <Empty title={`${wanted} is not loaded here`}>
          <p>This server starts what its own process has imported. Choose another at the left, or serve the viewer from
            where that file is loaded:</p><pre>npx reprise dev your-file.ts</pre></Empty>
          : workflows.length === 0 ? <NoneHere />
            : <Empty title="Choose a workflow"><p>Its input becomes a form here, drawn from its schema.</p></Empty>}
    </section>
  </div>;
}

function Choice({ name, says, chosen }: { name: string; says: string | null; chosen: boolean }): JSX.Element {
  return <a href={address("/workflows", { start: name })} aria-current={chosen ? "page" : undefined}>
    <b class="cut">{name}</b>{says !== null && <span class="faint cut">{says}</span>}</a>;
}

/** A workflow whose code another process has: nobody here could check an input. */
function Away({ name, file }: { name: string; file: string }): JSX.Element {
  return <div class="start">
    <header><h2>{name}</h2><code class="faint cut">{file}</code><span class="grow" />
      <a href={address("/runs", { workflow: name })}>its runs</a></header>
    <p class="lead">This server has not loaded its code.</p>
    <p>An input is checked by the schema of its workflow before a run is made. The schema is in the code, so that a run
      begins where the code is:</p>
    <pre>{`npx reprise run ${quoted(`${file}:${name}`)} -p @input.json`}</pre>
    <p>Or let a process that has loaded it serve this page; then there is a form here:</p>
    <pre>{`npx reprise dev ${quoted(file)}`}</pre>
  </div>;
}

/** One word for a shell, whatever is in it. */
function quoted(word: string): string {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function NoneHere(): JSX.Element {
  return <Empty title="This server has no workflows">
    <p>It shows runs, and has none of your code. Runs are started from the page where the process that serves it has
      loaded the workflow:</p>
    <pre>{`npx reprise dev order.ts          # runs it, and again at every save
npx reprise run order.ts --view   # once
openEngine({ viewer: true })      // in your own program`}</pre></Empty>;
}

interface Given { readonly texts: { readonly [name: string]: string }; readonly note: string }
const NOTHING: Given = { texts: {}, note: "" };

/** What an earlier run was started with. */
async function inputOf(id: string, fields: readonly Field[]): Promise<Given> {
  const [first] = (await historyAfter(id, 0, 1)).events;
  let input = first?.type === "RunStarted" ? first.input : undefined;
  if (input !== undefined && "ref" in input) input = await payloadOf(input.ref);
  if (input === undefined) return NOTHING;
  if (!("p" in input)) return { texts: {}, note: "The input of that run cannot be said in JSON (a Date, a Map)." };
  const texts = textsOf(fields, input.p);
  return { texts, note: JSON.stringify(texts).includes("[redacted]")
    ? "The server hides parts of that input. What stays “[redacted]” becomes that very text." : "" };
}

function StartForm({ workflow, canStart }: { workflow: Startable; canStart: boolean }): JSX.Element {
  const { name, file, description, schema } = workflow, from = param("from");
  const fields = useMemo(() => fieldsFor(schema), [schema]);
  const texts = useSignal<{ readonly [name: string]: string }>({}), problems = useSignal<Problems>({});
  const trouble = useSignal<Problem | undefined>(undefined), busy = useSignal(false), note = useSignal("");
  useEffect(() => {
    if (from === "") return;
    inputOf(from, fields).then((given) => { texts.value = given.texts; note.value = given.note },
      (error: unknown) => { trouble.value = asProblem(error) });
  }, []);
  const send = (form: FormData): void => {
    const answer = answerOf(fields, texts.value);
    trouble.value = undefined;
    problems.value = "problems" in answer ? answer.problems : {};
    if ("problems" in answer) return;
    busy.value = true;
    startRun({ workflow: name, ...(answer.value !== undefined && { input: answer.value }), ...optionsOf(form) })
      .then(({ run }) => { say("The run has begun"); visit(`/runs/${run}`) }, (error: unknown) => {
        const found = asProblem(error), { problems: at, rest } = refusalsOf(found.message, fields);
        problems.value = at;
        trouble.value = rest === "" ? undefined : { ...found, message: rest };
        busy.value = false;
      });
  };
  return <form class="start" noValidate onSubmit={(event) => {
    event.preventDefault();
    send(new FormData(event.currentTarget));
  }}>
    <header><h2>{name}</h2>{file !== null && <code class="faint cut">{file}</code>}<span class="grow" />
      <a href={address("/runs", { workflow: name })}>its runs</a></header>
    {description !== null && <p class="lead">{description}</p>}
    {note.value !== "" && <p class="tone-wait">{note.value}</p>}
    <div class="ask-fields">{fields.map((field) => <FieldPart key={field.name} field={field} texts={texts}
      problem={problems.value[field.name]} />)}</div>
    {fields.length === 0 && <p class="faint">It takes no input.</p>}
    <Options />
    {trouble.value !== undefined && <Trouble problem={trouble.value} />}
    {canStart ? <div class="row buttons-row"><span class="grow" />
      <button class="main" disabled={busy.value}><Icon name="play" size={14} />
        {busy.value ? "Starting…" : "Start"}</button></div>
      : <p class="faint">This server only shows runs; it starts none.</p>}
  </form>;
}

/** A workflow without a schema takes any JSON, or nothing. */
function fieldsFor(schema: Json): readonly Field[] {
  if (schema !== null) return fieldsOf(schema, "input");
  return fieldsOf(undefined, "Input").map((field) => ({ ...field, required: false,
    description: "The workflow has no schema: any JSON, or nothing." }));
}

const OPTIONS = [["name", "Name", "Made up if you leave it out."],
  ["id", "Id of your own", "Where a run of it has this id, that one is opened and none is made."],
  ["tags", "Tags", "With commas."]] as const;
function Options(): JSX.Element {
  return <fieldset class="ask-fields"><legend>The run, if you like</legend>{OPTIONS.map(([name, word, says]) =>
    <div class="ask-field" key={name}><label for={`run-${name}`}>{word}</label>
      <input id={`run-${name}`} name={`run-${name}`} autocomplete="off" maxLength={200}
        aria-describedby={`said-${name}`} />
      <p id={`said-${name}`} class="faint">{says}</p></div>)}</fieldset>;
}
function optionsOf(form: FormData): Omit<StartRequest, "workflow" | "input"> {
  const text = (name: string): string => {
    const value = form.get(`run-${name}`);
    return typeof value === "string" ? value.trim() : "";
  };
  const name = text("name"), id = text("id");
  const tags = text("tags").split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
  return { ...(name !== "" && { name }), ...(id !== "" && { id }), ...(tags.length > 0 && { tags }) };
}
