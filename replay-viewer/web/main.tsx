/** Begins the page: the token, the place, a recording if the page holds one, the keys. */
import { render } from "preact";
import { openToken } from "./api.ts";
import { App } from "./app.tsx";
import { show } from "./dialogs.tsx";
import { openers, openKeys } from "./keys.ts";
import { later } from "./later.tsx";
import { openPlaces } from "./place.ts";
import { embedded, findRecording, takeDrops } from "./recorded.tsx";
import "./settings.ts";

const KeySheet = later(async () => (await import("./key-sheet.tsx")).KeySheet);
const Palette = later(async () => (await import("./palette.tsx")).Palette);
openers.sheet = () => { show(() => <KeySheet />) };
openers.palette = () => { show(() => <Palette />) };

void findRecording().then(() => {
  if (!embedded) openToken();
  openPlaces(embedded);
  takeDrops();
  openKeys();
  const root = document.getElementById("app");
  if (root !== null) render(<App />, root);
});
