import nx from "@nx/eslint-plugin";
import tseslint from "typescript-eslint";

/** Who may import whom; tools/repository/layering.test.ts gives the reasons. */
const layers = {
  base: ["base"],
  core: ["base", "core"],
  edge: ["base", "core", "edge"],
  test: ["base", "core", "test"],
  app: ["base", "core", "edge", "test"],
};

/** Rules for the arrows between projects; `more` widens them for some files. */
const boundaries = (more = {}) => [
  "error",
  {
    allow: [],
    depConstraints: Object.entries({ ...layers, ...more }).map(([layer, allowed]) => ({
      sourceTag: `layer:${layer}`,
      onlyDependOnLibsWithTags: allowed.map((name) => `layer:${name}`),
    })),
  },
];

export default tseslint.config(
  { ignores: ["**/dist/", "**/node_modules/", "**/.nx/", "**/golden/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "@nx": nx },
    rules: {
      "@nx/enforce-module-boundaries": boundaries(),
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "ExportDefaultDeclaration",
          message: "Export by name: one word for one thing everywhere.",
        },
      ],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      // "_lock" and the like are named to be held, not read.
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // An interface's promise is kept by functions that have nothing to wait for.
      "@typescript-eslint/require-await": "off",
      // Numbers in a message need no ceremony.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    files: ["**/*.test.ts", "**/*.contract.ts", "**/test/**/*.ts"],
    rules: {
      // Chai's assertions are properties.
      "@typescript-eslint/no-unused-expressions": "off",
      // What ships carries no test rig; its tests may, for example a real API server.
      "@nx/enforce-module-boundaries": boundaries({ edge: [...layers.edge, "test"] }),
    },
  },
);
