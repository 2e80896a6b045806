import { startPostgres, freshDatabase } from "/work/main/test/postgres-server.ts";
import { execFileSync } from "node:child_process";
const server = (await startPostgres())!;
for (const mode of process.argv.slice(3)) { console.log("== ", mode); try { execFileSync(process.execPath, ["--import","tsx",process.argv[2]!, await freshDatabase(server.url), mode], {stdio:"inherit", timeout: 90000}); } catch (e) { console.log(String(e)) } }
await server.stop(); process.exit(0);
