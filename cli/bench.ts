export const command = {
  summary: "x",
  usage: "",
  help: "",
  options: {},
  optionHelp: [],
  run: async () => 1 as const,
};
