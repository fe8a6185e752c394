/** The dependency graph: cycles, and the order to stop in. Pure; names are visited sorted, so results are stable. */

export type Edges = (name: string) => readonly string[];

/** Every strongly connected component of more than one name, and every name that waits for itself (Tarjan). */
export function findCycles(names: readonly string[], edges: Edges): string[][] {
  const known = new Set(names);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const cycles: string[][] = [];

  // Iterative: a chain of thousands of services must not overflow the stack.
  for (const root of [...names].sort()) {
    if (index.has(root)) continue;
    const work = [{ name: root, next: 0 }];
    while (work.length > 0) {
      const frame = work.at(-1);
      if (frame === undefined) break;
      const { name } = frame;
      if (!index.has(name)) { index.set(name, index.size); low.set(name, index.size - 1); stack.push(name); onStack.add(name); }
      const target = edges(name)[frame.next];
      if (target !== undefined) {
        frame.next += 1;
        if (!known.has(target)) continue;
        if (!index.has(target)) work.push({ name: target, next: 0 });
        else if (onStack.has(target)) low.set(name, Math.min(at(low, name), at(index, target)));
        continue;
      }
      work.pop();
      const parent = work.at(-1)?.name;
      if (parent !== undefined) low.set(parent, Math.min(at(low, parent), at(low, name)));
      if (at(low, name) === at(index, name)) {
        const members = stack.splice(stack.lastIndexOf(name));
        for (const member of members) onStack.delete(member);
        if (members.length > 1 || edges(name).includes(name)) cycles.push(members.sort());
      }
    }
  }
  return cycles;
}

/** What these wait for, directly or not. */
export function neededBy(names: readonly string[], edges: Edges): Set<string> {
  const found = new Set<string>();
  const work = [...names];
  for (let name = work.pop(); name !== undefined; name = work.pop()) {
    const fresh = edges(name).filter((target) => !found.has(target));
    for (const target of fresh) found.add(target);
    work.push(...fresh);
  }
  return found;
}

/** Groups to start one after the other, everything inside a group in parallel. The reverse is the order to stop in. */
export function startGroups(names: readonly string[], edges: Edges): string[][] {
  const known = new Set(names);
  const missing = new Map<string, number>();
  const dependants = new Map<string, string[]>();
  for (const name of names) {
    const targets = new Set(edges(name).filter((target) => target !== name && known.has(target)));
    missing.set(name, targets.size);
    for (const target of targets) dependants.set(target, [...(dependants.get(target) ?? []), name]);
  }
  const groups: string[][] = [];
  let group = names.filter((name) => missing.get(name) === 0);
  while (missing.size > 0) {
    // Only a cycle leaves names with nothing ready; the plan refused those, so what is left goes last.
    if (group.length === 0) group = [...missing.keys()];
    for (const name of group) missing.delete(name);
    groups.push(group.sort());
    const next: string[] = [];
    for (const name of group) {
      for (const dependant of dependants.get(name) ?? []) {
        const left = (missing.get(dependant) ?? 0) - 1;
        if (!missing.has(dependant)) continue;
        missing.set(dependant, left);
        if (left === 0) next.push(dependant);
      }
    }
    group = next;
  }
  return groups;
}

function at(map: ReadonlyMap<string, number>, name: string): number { return map.get(name) ?? Number.POSITIVE_INFINITY; }
