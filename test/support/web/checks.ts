import type { Page } from "playwright-core";

/** Begins to add up how far things jump on pages that are opened from now on: a part of the window, times a part of it. */
export function watchShifts(page: Page): Promise<unknown> {
  return page.addInitScript(`window.shifts = [];
    new PerformanceObserver((list) => list.getEntries().forEach(({ value, hadRecentInput, sources }) => {
      const text = (node) => node?.textContent?.slice(0, 60) ?? "";
      // Less than that is no pixel: a time that is now told in minutes.
      if (!hadRecentInput && value >= 0.0001) window.shifts.push(value.toFixed(4) + ": " + sources.map(({ node }) => text(node)).join(", "));
    })).observe({ type: "layout-shift", buffered: true });`);
}

/** Returns what has jumped since the last time, after the frame that is being drawn. */
export function shiftsOf(page: Page): Promise<string[]> {
  return page.evaluate(
    "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(window.shifts.splice(0)))))",
  );
}

/** The elements that the Tab key should reach: all that can be used, in the dialog where one is open. */
const reachable = `(() => {
  const dialogs = document.querySelectorAll("dialog[open]");
  const root = dialogs[dialogs.length - 1] ?? document;
  const all = root.querySelectorAll("a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex='0']");
  return [...all].filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.tabIndex >= 0);
})()`;

/** Looks at each element that gets the focus. */
const lookAtFocus = `document.addEventListener("focusin", window.atFocus = ({ target: one }) => {
  window.wanted.delete(one);
  const name = one.tagName + " " + (one.getAttribute("aria-label") ?? one.textContent ?? "").slice(0, 40);
  const { top, bottom, left, right, width, height } = one.getBoundingClientRect();
  if (width < 1 || height < 1 || bottom <= 0 || top >= innerHeight || right <= 0 || left >= innerWidth)
    window.tabFaults.add("outside the window: " + name);
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  if (outlineStyle === "none" || outlineWidth === "0px") window.tabFaults.add("shows no focus: " + name);
})`;

/**
 * Goes through a page with the Tab key. Returns what is wrong: elements that are not reached, and those that have the
 * focus without showing it, or outside the window.
 */
export async function tabFaults(page: Page): Promise<string[]> {
  await page.evaluate(`document.activeElement?.blur(); window.wanted = new Set(${reachable});
    window.tabFaults = new Set(); ${lookAtFocus}`);
  // What comes while the walk goes on takes some of its steps, and is walked through in the next round.
  for (let round = 0; round < 3; round++) {
    const left = Number(await page.evaluate(`[...window.wanted].filter((one) => one.isConnected).length`));
    if (left === 0) break;
    const steps = Number(await page.evaluate(`${reachable}.length`)) + 3;
    // The key is held down: to wait for each step would draw a frame for each.
    await Promise.all(Array.from({ length: steps }, () => page.keyboard.down("Tab")));
    await page.keyboard.up("Tab");
  }
  return page.evaluate(`document.removeEventListener("focusin", window.atFocus);
    [...window.tabFaults, ...[...window.wanted].filter((one) => one.isConnected).map((one) =>
      "not reached: " + one.tagName + " " + (one.getAttribute("aria-label") ?? one.textContent ?? "").slice(0, 40))]`);
}
