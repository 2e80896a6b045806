/** openapi.json, from the table of routes and the schemas that check them. */
import { z } from "zod";
import type { Route } from "./route.ts";
import { problem } from "./wire.ts";

/** The description of an API in OpenAPI 3.1. */
export function openApi(routes: readonly Route[], version: string): { readonly openapi: string } {
  const paths: { [path: string]: { [method: string]: unknown } } = {};
  for (const route of routes) {
    const path = `/api/v1${route.path.replace(/:(\w+)/g, "{$1}")}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    ...{
      info: { title: "Reprise", version, description: "Runs, their histories, logs and sources. Live events come over "
        + "a WebSocket at /api/v1/live, with the subprotocols `reprise.v1` and `reprise.<token>`." },
      paths,
      components: {
        schemas: { Problem: jsonSchema(problem, "output") },
        securitySchemes: { token: { type: "http", scheme: "bearer" } },
      },
    },
  };
}

function operation(route: Route): object {
  const { scope, summary, body, answer } = route;
  return {
    summary, operationId: operationId(route),
    ...(scope === undefined ? { security: [] } : { security: [{ token: [] }], "x-scope": scope }),
    parameters: [...parameters(route.params, "path"), ...parameters(route.query, "query")],
    ...(body !== undefined && { requestBody: { content: { "application/json": { schema: jsonSchema(body, "input") } } },
    }),
    responses: {
      200: { description: "As asked", content: answer === undefined ? { "text/plain": {} }
        : { "application/json": { schema: jsonSchema(answer, "output") } } },
      default: { description: "An error", content: { "application/json": {
        schema: { $ref: "#/components/schemas/Problem" } } } },
    },
  };
}

/** `getRunsIdHistory`. */
function operationId({ method, path }: Route): string {
  return method.toLowerCase() + path.replace(/[^a-z]+([a-z]?)/gi, (_all, letter: string) => letter.toUpperCase());
}

function parameters(schema: z.ZodType, place: "path" | "query"): readonly object[] {
  const { properties, required } = jsonSchema(schema, "input");
  if (typeof properties !== "object" || properties === null) return [];
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  return Object.entries(properties).map(([name, inner]: [string, unknown]) =>
    ({ name, in: place, required: place === "path" || needed.includes(name), schema: inner }));
}

/** JSON Schema of what goes in (before defaults and transforms) or comes out. */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): { readonly [key: string]: unknown } {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  void $schema; // said once for the whole document by its version
  return rest;
}
