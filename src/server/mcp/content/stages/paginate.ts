import { paginate } from "../../../../kinds/stages/paginate.ts";
import { cutTexts, fitTogether } from "../cut/cut.ts";
import { defineWork } from "./define.ts";

const defaultBytes = 8192;

export const paginateWork = defineWork(
  paginate,
  { phase: "cut", cuts: "page" },
  async (input, { pageBytes = defaultBytes }) => {
    if (input.cut || fitTogether(input.texts, pageBytes)) return input;
    const parts = await cutTexts(input.texts, { partSize: pageBytes, bySection: false });
    return { ...input, cut: { word: "page", parts } };
  },
);
