import { render } from "preact";
import { App } from "./app.tsx";

declare const __DEV__: boolean;

render(<App />, document.getElementById("app")!);

// Run from source, the server builds the page again when its source has changed.
if (__DEV__) void import("./dev-reload.ts").then(({ reloadOnChange }) => reloadOnChange());
