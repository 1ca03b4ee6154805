/** What was probably meant: the candidate with the fewest letters to change. */

/** The candidate most like the text, undefined when none is near. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  return nearestFew(text, candidates, 1)[0];
}

/** At most `count` of them, the most like first. */
export function nearestFew(text: string, candidates: readonly string[], count: number): string[] {
  const limit = Math.max(2, Math.floor(text.length / 3));
  return candidates
    .map((candidate) => ({ candidate, distance: editDistance(text, candidate) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const line = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1] ? 0 : 1;
      line[column] = Math.min(above[column]! + 1, line[column - 1]! + 1, above[column - 1]! + same);
    }
    above = line;
  }
  return above[to.length]!;
}
