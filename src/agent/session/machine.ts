import { existsSync, readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

/** Facts that tell a machine from a clone of it, which has the same disk and so the same files. */
export interface MachineFacts {
  hostname: string;
  /** Addresses of its network cards, without those that software has chosen. Empty where the system shows none. */
  cards: string[];
}

/**
 * Reads the facts of this machine.
 *
 * @param net the folder in which Linux shows the network interfaces
 */
export function machineFacts(net = "/sys/class/net"): MachineFacts {
  return { hostname: hostname(), cards: cardsIn(net) };
}

/**
 * True if a file with facts was written on another machine. A machine keeps a card when its name changes, and its name
 * when a card is exchanged or a dock is left behind. A clone of a virtual machine has another card, and often the same name.
 */
export function isOtherMachine(written: MachineFacts, now: MachineFacts): boolean {
  if (written.cards.length === 0 || now.cards.length === 0) return written.hostname !== now.hostname;
  return !written.cards.some((card) => now.cards.includes(card));
}

function cardsIn(net: string): string[] {
  try {
    return readdirSync(net)
      .filter((name) => existsSync(join(net, name, "device")))
      .filter((name) => read(join(net, name, "addr_assign_type")) === "0")
      .map((name) => read(join(net, name, "address")))
      .filter((address) => /[1-9a-f]/.test(address))
      .sort();
  } catch {
    return [];
  }
}

function read(path: string): string {
  return readFileSync(path, "utf8").trim();
}
