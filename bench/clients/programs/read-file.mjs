import { readFileSync } from "node:fs";

export const [, , dialect, scenario] = process.argv;
export const { MCPCTL_URL, MCPCTL_TOKEN, MODEL, OTHER_MODEL, QUESTION } = process.env;

/** The tool that all programs offer. */
export const description = "Reads a file";
export const parameters = {
  type: "object",
  properties: { path: { type: "string" } },
  required: ["path"],
  additionalProperties: false,
};
export const readFile = ({ path }) => readFileSync(path, "utf8");

export const picture = () => readFileSync("picture.png").toString("base64");

/** The model of a turn: after the first answer of the scenario `switch`, the other one. */
export const modelOf = (turn) => (scenario === "switch" && turn > 0 ? OTHER_MODEL : MODEL);

export const secondQuestion = "And for the second-question: the sum?";

/** The word that the harness looks for, where an error has the meaning that a client acts on. */
export const understood = "forty-two-is-the-answer";
