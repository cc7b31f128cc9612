// A click on a mark of the map leads to what is near that skill.
for (const node of document.querySelectorAll(".plot.map")) {
  let listens = false;
  node.addEventListener("drawn", () => {
    if (listens) return;
    listens = true;
    node.on("plotly_click", ({ points }) => {
      const address = points.map((point) => point.customdata).find(Boolean);
      if (address) window.location.assign(address);
    });
  });
}
