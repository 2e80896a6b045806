/** The headers that every answer carries, refusals included. */

const POLICY = ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
  "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"].join("; ");

/** No script but ours, no frame, no sniffing, no referrer, and nobody else's page may read an answer. */
export const SECURITY_HEADERS: { readonly [name: string]: string } = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

/** Headers of an answer in JSON: never kept by anybody. */
export const JSON_HEADERS: { readonly [name: string]: string } = {
  ...SECURITY_HEADERS, "content-type": "application/json; charset=utf-8", "cache-control": "no-store",
};
