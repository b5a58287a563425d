package Tea::Job::Unicode;
use v5.36;
use utf8;

# The tables of Unicode are files that perl looks for by computed names.
sub run ($class, $request) {
    require charnames;
    require Unicode::Normalize;
    require Unicode::UCD;
    require Unicode::Collate;
    my $greek = join '', 'aλbω' =~ /(\p{Script=Greek})/g;
    my $old   = 'x' =~ /\p{Age=1.1}/ ? 'old' : 'new';
    return join ' ', charnames::viacode(0x20AC), $greek, $old, uc 'straße', Unicode::UCD::charscript(0x8336),
        length(Unicode::Normalize::NFD('ü')), join('', Unicode::Collate->new->sort(qw(z ä a)));
}

1;
