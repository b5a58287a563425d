package waste

// overlay has a category for each kind of [Hidden], in the order of kinds.
var overlay = []*Category{
	{Rule: "overwritten", Title: "overwritten later", Class: Overlay,
		Advice: "write the file once: join the steps, or copy the final one in a stage of its own"},
	{Rule: "copied", Title: "copied for mode, owner or time", Class: Overlay,
		Advice: "set them where the files come from: COPY --chown/--chmod, or chown and chmod in the RUN that makes them"},
	{Rule: "removed", Title: "removed later", Class: Overlay,
		Advice: "remove the file in the RUN that makes it: a later layer hides it, but everybody pulls it"},
	{Rule: "directory-removed", Title: "directory removed later", Class: Overlay,
		Advice: "remove the directory in the RUN that makes it: a later layer hides it, but everybody pulls it"},
	{Rule: "opaque", Title: "directory made anew later", Class: Overlay,
		Advice: "make the directory once: join the steps"},
	{Rule: "replaced", Title: "replaced by another type of file", Class: Overlay,
		Advice: "make only what stays: join the steps"},
	{Rule: "lost", Title: "twice in one layer", Class: Overlay,
		Advice: "the layer's archive holds a path more than once: whatever wrote it should not"},
}
