/** Styles that a page imports; the bundler gathers them into one file. */
declare module "*.css";
