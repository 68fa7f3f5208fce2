import ts from "typescript";

/** A word of a source file that reaches outside: an imported module, or a use of time or chance. */
export interface Finding {
  readonly word: string;
  /** One-based. */
  readonly line: number;
}

export interface ImportedModule extends Finding {
  /** "type" is gone when the program runs; "lazy" runs when the program gets there. */
  readonly kind: "static" | "type" | "lazy";
}

/** Every module that a source file imports. Comments and strings do not count. */
export function importsOf(path: string, text: string): readonly ImportedModule[] {
  const found: ImportedModule[] = [];
  visit(path, text, (node, line) => {
    if (
      (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) &&
      node.moduleSpecifier !== undefined
    ) {
      const isType = ts.isImportDeclaration(node)
        ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
        : node.isTypeOnly;
      if (ts.isStringLiteral(node.moduleSpecifier)) {
        found.push({ word: node.moduleSpecifier.text, kind: isType ? "type" : "static", line });
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument)) {
        found.push({ word: argument.text, kind: "lazy", line });
      }
    }
  });
  return found;
}

const TIMERS = new Set(["setTimeout", "setInterval", "setImmediate"]);
const MEMBERS = new Set(["Date.now", "Math.random", "performance.now", "process.hrtime", "process.env"]);

/** Where a source file asks for the time, for chance or for the environment by itself. */
export function ambientUses(path: string, text: string): readonly Finding[] {
  const found: Finding[] = [];
  visit(path, text, (node, line) => {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
      const word = `${node.expression.text}.${node.name.text}`;
      if (MEMBERS.has(word)) found.push({ word, line });
    } else if (
      ts.isCallExpression(node) &&
      ts.isIdentifier(node.expression) &&
      TIMERS.has(node.expression.text)
    ) {
      found.push({ word: node.expression.text, line });
    } else if (
      ts.isNewExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === "Date"
    ) {
      // With an argument it only converts a time that was given.
      if ((node.arguments?.length ?? 0) === 0) found.push({ word: "new Date()", line });
    } else if (
      ts.isImportSpecifier(node) &&
      /^random(Bytes|UUID|Int)$/.test((node.propertyName ?? node.name).text)
    ) {
      found.push({ word: (node.propertyName ?? node.name).text, line });
    }
  });
  return found;
}

function visit(path: string, text: string, look: (node: ts.Node, line: number) => void): void {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, false, ts.ScriptKind.TS);
  const walk = (node: ts.Node): void => {
    look(node, source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1);
    ts.forEachChild(node, walk);
  };
  walk(source);
}
