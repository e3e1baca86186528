// What a spreadsheet program makes of a file that we give out.
import xlsx from "xlsx";

/** The cells of a CSV that are formulas: `A2: 1+1`. */
export function formulas(text) {
  const book = xlsx.read(text, { type: "string" });
  const cells = Object.entries(book.Sheets[book.SheetNames[0]]).filter(([name]) => !name.startsWith("!"));
  return cells.filter(([, cell]) => cell.f !== undefined).map(([name, cell]) => `${name}: ${cell.f}`);
}
