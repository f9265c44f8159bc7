/** A network on the way, as a process of its own. Takes `{port, target, …}` as JSON, with faults of the faulty proxy. */
import { type FaultyProxyOptions, faultyProxy } from "../test/support/faulty-proxy.ts";

const { target, ...options } = JSON.parse(process.argv[2]!) as FaultyProxyOptions & { target: number };
// It ends with the process.
faultyProxy(target, options, () => {});
