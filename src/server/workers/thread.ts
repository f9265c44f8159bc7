/**
 * The program of a worker thread: it accepts connections, answers calls of models, and passes everything else on to the
 * main thread of the server.
 */
import { parentPort } from "node:worker_threads";
import { encodeError } from "../cluster/link-messages.ts";
import { CallWorker } from "./call-worker.ts";
import { MainLink } from "./main-link.ts";
import type { AskOfMain, MessageOfMain, MessageOfWorker } from "./messages.ts";

const post = (message: MessageOfWorker) => parentPort!.postMessage(message);
const link = new MainLink(post);
const worker = new CallWorker(link, (revision) => post({ is: "reached", revision }));

async function answer(id: number, ask: AskOfMain): Promise<void> {
  try {
    post({ is: "answer", id, value: await worker.asked(ask) });
  } catch (error) {
    post({ is: "failed", id, error: encodeError(error) });
  }
}

parentPort!.on("message", (message: MessageOfMain) => {
  if (message.is === "ask") void answer(message.id, message.ask);
  else if (message.is === "changed") worker.changed(message.changes, message.now);
  else if (message.is === "reloaded") worker.reloaded(message.contents);
  else link.answered(message);
});
