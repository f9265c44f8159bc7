import { request, shownError } from "./client.ts";
import { type PageUser, pageHalf, session } from "./session.ts";

/** Asks the server who this browser is. */
export async function refreshSession(): Promise<void> {
  if (pageHalf() === undefined) {
    session.value = { state: "out" };
    return;
  }
  try {
    const user = await request<PageUser>("/api/v1/auth/whoami");
    session.value = { state: "in", user };
  } catch (thrown) {
    const error = shownError(thrown);
    if (error.status === 401) session.value = { state: "out" };
    else if (session.value.state === "unknown") setTimeout(refreshSession, 1500);
  }
}
