import type { Driver } from "../../../src/backends/types.ts";
import { openBao } from "../../support/openbao/open.ts";
import { watch } from "./test-openbao.ts";

/** Opens a driver over an empty engine, for one test. */
export async function open(): Promise<Driver> {
  return watch(await openBao()).driver;
}
