import type { ComponentType } from "preact";

/** One screen. Its code is loaded when it is opened. */
interface Screen {
  /** The first part of its address. */
  path: string;
  title: string;
  load(): Promise<ComponentType>;
}

/** The screens, in the order of the navigation. The first one is shown without an address. */
export const screens: readonly Screen[] = [
  {
    path: "overview",
    title: "Overview",
    load: async () => (await import("./overview/overview.tsx")).Overview,
  },
];
