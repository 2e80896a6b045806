/**
 * The one guard, for HTTP and upgrades alike. A request passes if it was meant for this server (Host: no DNS
 * rebinding), comes from its own pages or from no page (Origin, Sec-Fetch-Site: no cross-site request), and, where it
 * asks for data, shows a token with the scope that the route needs.
 */
import type { IncomingMessage } from "node:http";
import { Refusal } from "./problem.ts";
import type { Caller, Scope, Tokens } from "./tokens.ts";

/** What the guard goes by. */
export interface GuardOptions {
  /** Exact values of the Host header, in lower case, with the port where it is not the scheme's own. */
  readonly hosts: ReadonlySet<string>;
  /** The hosts among them that a proxy may serve by https. */
  readonly https: ReadonlySet<string>;
  readonly tokens: Tokens;
}

/** `reprise.<token>` as a subprotocol of a WebSocket: a browser can set no other header there. */
const SUBPROTOCOL = /^reprise\.([\w-]{1,200})$/;
/** What a client offers beside its token, so that the token need not be echoed. */
export const PROTOCOL = "reprise.v1";

/** Stands at the door of a server. */
export class Guard {
  readonly #options: GuardOptions;
  constructor(options: GuardOptions) { this.#options = options }

  /** Was it meant for us, and who sent it? Asked of every request, first. @throws HOST_REFUSED, ORIGIN_REFUSED */
  place(request: IncomingMessage): void {
    const host = request.headers.host?.toLowerCase();
    if (host === undefined || !this.#options.hosts.has(host)) {
      throw new Refusal("HOST_REFUSED", host === undefined ? "the request names no host"
        : `this server is not '${host.slice(0, 100)}'`);
    }
    const { origin } = request.headers;
    if (origin !== undefined && !this.#isOurs(origin.toLowerCase(), host)) {
      throw new Refusal("ORIGIN_REFUSED", `a page of '${origin.slice(0, 100)}' may not call this server`);
    }
    const site = request.headers["sec-fetch-site"];
    if (site !== undefined && site !== "same-origin" && site !== "none" && !isNavigation(request)) {
      throw new Refusal("ORIGIN_REFUSED", "another site's page may not call this server");
    }
  }

  /** Who asks, if he may. @throws TOKEN_REFUSED, SCOPE_MISSING, TOO_MANY_REQUESTS */
  admit(request: IncomingMessage, scope: Scope): Caller {
    const caller = this.#options.tokens.caller(tokenOf(request), request.socket.remoteAddress ?? "");
    if (caller.may(scope)) return caller;
    throw new Refusal("SCOPE_MISSING", `the token '${caller.id}' has not the scope '${scope}'`);
  }

  /** Has the caller's token expired since he came in? */
  isOver(caller: Caller): boolean { return this.#options.tokens.isOver(caller) }

  #isOurs(origin: string, host: string): boolean {
    return origin === `http://${host}` || (this.#options.https.has(host) && origin === `https://${host}`);
  }
}

/** A link on another site may open a page of the viewer: it shows nothing until the page has a token. */
function isNavigation(request: IncomingMessage): boolean {
  return (request.method === "GET" || request.method === "HEAD") && request.headers["sec-fetch-mode"] === "navigate"
    && request.headers["sec-fetch-dest"] === "document";
}

function tokenOf(request: IncomingMessage): string | undefined {
  const bearer = /^Bearer ([\w-]{1,200})$/i.exec(request.headers.authorization ?? "")?.[1];
  if (bearer !== undefined) return bearer;
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  const [token] = offered.filter((one) => one !== PROTOCOL).flatMap((one) => SUBPROTOCOL.exec(one)?.[1] ?? []);
  return token;
}

/** The subprotocol that a server answers: never the token, unless the client offered nothing else. */
export function chosenProtocol(protocols: ReadonlySet<string>): string | false {
  if (protocols.has(PROTOCOL)) return PROTOCOL;
  return [...protocols].find((one) => SUBPROTOCOL.test(one)) ?? false;
}
