# to the end of the line
// also to the end of the line
/* over
   several lines */
a = 1 # behind a value
b = /* between */ 2 // and behind
c = "# no comment // in /* a string"
/**/ d = [ # in a list
  3, // behind an item
]
