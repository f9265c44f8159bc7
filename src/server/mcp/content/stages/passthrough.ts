import { passthrough } from "../../../../kinds/stages/passthrough.ts";
import { defineWork } from "./define.ts";

export const passthroughWork = defineWork(passthrough, { phase: "shorten" }, (input) => input);
