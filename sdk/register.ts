/** `node --import reprise/register file.ts`: patches the globals before any library can capture the originals. */
import "../engine/index.ts";
